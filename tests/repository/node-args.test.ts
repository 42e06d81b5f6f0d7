import assert from 'node:assert/strict';
import test from 'node:test';
import { NODE_ARGS } from '@pressferry/runtime';
import { FILES, read } from './sources.ts';

/** How a place spells arguments: one text, or a list with or without quotes. */
const plain = (text: string): string => text.replaceAll(/[",']/g, '').replaceAll(/\s+/g, ' ');

test('image, chart, manifests and packages start Node as the services of a checkout are started', () => {
  const places = [
    'Dockerfile',
    'charts/pressferry/templates/_workload.tpl',
    'k8s/pressferry.yaml',
    ...['ingress', 'enricher', 'callback'].map((service) => `services/${service}/package.json`),
  ];
  for (const place of places) assert.ok(plain(read(place)).includes(NODE_ARGS.join(' ')), place);
});

test('no file bounds the nursery otherwise', () => {
  const bound = NODE_ARGS.find((argument) => argument.startsWith('--max-semi-space-size='));
  const others = FILES.filter((file) => /\.(ts|tpl|ya?ml|json)$|Dockerfile$/.test(file)).flatMap((file) =>
    [...read(file).matchAll(/--max-semi-space-size=\d+/g)].flatMap(([found]) =>
      found === bound ? [] : [`${file}: ${found}`],
    ),
  );
  assert.deepEqual(others, []);
});
