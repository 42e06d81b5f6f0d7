import { join } from 'node:path';
import { ROOT, renderText } from './helm.ts';

/** The manifests for `kubectl apply`. */
export const RENDERED = join(ROOT, 'k8s/pressferry.yaml');

/** What k8s/pressferry.yaml must hold: the chart, rendered with k8s/values.yaml. */
export async function renderKubernetes(): Promise<string> {
  const text = await renderText('--skip-tests', '--values', join(ROOT, 'k8s/values.yaml'));
  return `# Made from charts/pressferry and k8s/values.yaml by \`node tests/chart/write.ts\`: change those.\n${text}`;
}
