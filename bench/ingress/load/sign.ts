// Signs, in a separate process, `count` requests of a kind into a pool file and tells what that cost.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { journeySites } from '@pressferry/testing/signing';
import { encodeRecord } from './pool.ts';
import { kindAt, makeRequest, type PoolKind } from './requests.ts';

const [path = '', kind = 'good', count = '0', first = '0', sites = '0'] = process.argv.slice(2);
const senders = journeySites(Number(first) + Number(sites)).slice(Number(first));
const FLUSH_EVERY = 500;

// In a soak signing runs during the measurement, on what it leaves. Linux compares sessions first, and this process has
// its own, so the file lowers its session's priority too.
setPriority(constants.priority.PRIORITY_LOW);
try {
  writeFileSync('/proc/self/autogroup', '19');
} catch {
  // A kernel without autogroups: the priority is enough.
}
const file = openSync(path, 'wx');
let pending: Buffer[] = [];
for (let made = 1; made <= Number(count); made++) {
  pending.push(encodeRecord(makeRequest(kindAt(kind as PoolKind, made), senders[made % senders.length])));
  if (made % FLUSH_EVERY !== 0 && made !== Number(count)) continue;
  writeSync(file, Buffer.concat(pending));
  pending = [];
}
closeSync(file);
const { user, system } = process.cpuUsage();
// An interrupted benchmark no longer listens.
process.send?.({ cpuMs: (user + system) / 1000 }, () => process.exit());
