// Writes k8s/pressferry.yaml, the chart rendered for `kubectl apply`; needs Helm.
import { writeFileSync } from 'node:fs';
import { RENDERED, renderKubernetes } from './kubernetes.ts';

writeFileSync(RENDERED, await renderKubernetes());
