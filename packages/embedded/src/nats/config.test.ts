import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderNatsConfig } from './config.ts';

const base = { serverName: 'one', port: 20_001, storeDir: '/data/a "b"', pidFile: '/data/pid', syncAlways: true };

test('every acknowledged write is synced to disk unless that is switched off', () => {
  assert.match(renderNatsConfig(base), /sync_interval: always/);
  assert.doesNotMatch(renderNatsConfig({ ...base, syncAlways: false }), /sync_interval/);
});

test('every listener is on 127.0.0.1', () => {
  const cluster = { name: 'c', routePort: 20_003, peerRoutePorts: [20_003, 20_004] };
  const config = renderNatsConfig({ ...base, monitorPort: 20_002, cluster });
  for (const port of [20_001, 20_002, 20_003, 20_004]) assert.match(config, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.deepEqual(
    config.match(/\d+\.\d+\.\d+\.\d+/g)?.filter((host) => host !== '127.0.0.1'),
    [],
  );
});

test('a path with quotes and spaces cannot end its string early', () => {
  assert.match(renderNatsConfig(base), /store_dir: "\/data\/a \\"b\\""/);
});
