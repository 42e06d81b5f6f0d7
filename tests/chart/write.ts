// Writes what is generated of the deployment: the `config` parts of values.schema.json, then k8s/pressferry.yaml (which needs Helm).
import { writeFileSync } from 'node:fs';
import { RENDERED, renderKubernetes } from './kubernetes.ts';
import { VALUES_SCHEMA, valuesSchema } from './values-schema.ts';

writeFileSync(VALUES_SCHEMA, valuesSchema());
writeFileSync(RENDERED, await renderKubernetes());
