import assert from 'node:assert/strict';
import { mkdirSync, mkdtempDisposableSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILT_IN_EVENT_TYPES, type Catalogue, CatalogueError } from '@pressferry/contracts';
import { waitFor } from '@pressferry/testing';
import { followCatalogue } from '../src/catalogue/follow.ts';

const NEVER_MS = 3_600_000;
const schema = (properties: object = {}) => JSON.stringify({ type: 'object', properties });

/** Follows a new folder with one type in it, by its watcher alone unless `pollMs` is given. */
function follow({ pollMs = NEVER_MS, settleMs = 10 } = {}) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'pressferry-follow-'));
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);
  write('a.one.json', schema());
  const changes: Catalogue[] = [];
  const faults: Error[] = [];
  const followed = followCatalogue([BUILT_IN_EVENT_TYPES, folder.path], {
    onChange: (catalogue) => changes.push(catalogue),
    onFault: (error) => faults.push(error),
    settleMs,
    pollMs,
  });
  return {
    path: folder.path,
    write,
    changes,
    faults,
    current: () => followed.current(),
    [Symbol.dispose]() {
      followed[Symbol.dispose]();
      folder.remove();
    },
  };
}

test('a type that is added is in force without a restart, and what was in force is not touched', async () => {
  using followed = follow();
  const before = followed.current();
  followed.write('b.two.json', schema());
  await waitFor(() => followed.changes.length === 1, { what: 'the change' });
  assert.equal(followed.current().has('b.two'), true);
  assert.equal(followed.current(), followed.changes[0]);
  assert.equal(before.has('b.two'), false);
});

test('a bad change leaves the old catalogue in force, whole, and says why once; a fixed one comes into force', async () => {
  using followed = follow({ pollMs: 20 });
  followed.write('b.two.json', schema());
  followed.write('a.one.json', '{"type": "objekt"}');
  await waitFor(() => followed.faults.length > 0, { what: 'the fault' });
  assert.match(followed.faults.at(-1)?.message ?? '', /a\.one\.json#\/type: must be/);
  assert.deepEqual(followed.current().get('a.one')?.check({}), []);
  const told = followed.faults.length;
  followed.write('a.one.json', schema({ seats: { type: 'integer' } }));
  await waitFor(() => followed.current().get('a.one')?.check({ seats: 'x' }).length === 1, { what: 'the new schema' });
  assert.equal(followed.current().has('b.two'), true);
  assert.equal(followed.faults.length, told, 'the same fault was reported by each poll');
});

test('a fault that is fixed to what was in force is reported as a change', async () => {
  using followed = follow();
  followed.write('a.one.json', '{');
  await waitFor(() => followed.faults.length > 0, { what: 'the fault' });
  followed.write('a.one.json', schema());
  await waitFor(() => followed.changes.length > 0, { what: 'the change' });
  assert.equal(followed.current().has('a.one'), true);
});

test('the swap of a mounted ConfigMap comes into force in one piece', async () => {
  using mount = mkdtempDisposableSync(join(tmpdir(), 'pressferry-mount-'));
  const version = (name: string, files: Record<string, string>) => {
    mkdirSync(join(mount.path, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(mount.path, name, file), text);
    // As kubelet does it: a new link, renamed over the old one.
    symlinkSync(name, join(mount.path, '..data_tmp'));
    renameSync(join(mount.path, '..data_tmp'), join(mount.path, '..data'));
  };
  version('..v1', { 'a.one.json': schema(), 'b.two.json': schema() });
  symlinkSync('..data/a.one.json', join(mount.path, 'a.one.json'));
  symlinkSync('..data/b.two.json', join(mount.path, 'b.two.json'));
  const seen: string[] = [];
  const faults: Error[] = [];
  using followed = followCatalogue([mount.path], {
    onChange: (catalogue) => seen.push([...catalogue.keys()].join(' ')),
    onFault: (error) => faults.push(error),
    settleMs: 10,
    pollMs: NEVER_MS,
  });
  version('..v2', { 'a.one.json': schema({ x: {} }), 'c.three.json': schema() });
  rmSync(join(mount.path, '..v1'), { recursive: true });
  await waitFor(() => followed.current().has('c.three'), { what: 'the swap' });
  assert.deepEqual([...new Set(seen)], ['a.one c.three']);
  assert.deepEqual(faults, []);
});

test('changes that no watcher reports are found by polling', async () => {
  // The settling time hides the watcher; only the poll can be this quick.
  using followed = follow({ settleMs: NEVER_MS, pollMs: 20 });
  followed.write('b.two.json', schema());
  await waitFor(() => followed.current().has('b.two'), { what: 'the poll' });
});

test('a folder that vanishes is a fault, and its return is noticed', async () => {
  using followed = follow({ pollMs: 20 });
  renameSync(followed.path, `${followed.path}-away`);
  await waitFor(() => followed.faults.length > 0, { what: 'the fault' });
  assert.equal(followed.current().has('a.one'), true);
  renameSync(`${followed.path}-away`, followed.path);
  await waitFor(() => followed.changes.length > 0, { what: 'the return' });
});

test('a folder that is bad at the start stops the start', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'pressferry-follow-'));
  writeFileSync(join(folder.path, 'a.one.json'), '{');
  assert.throws(
    () => followCatalogue([folder.path], { onChange: () => {}, onFault: () => assert.fail('reported, not thrown') }),
    CatalogueError,
  );
});
