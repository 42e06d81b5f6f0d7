// The sites' side, in its own process: takes and acknowledges pushes, and tells each client that connects how many more results it has.
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { journeySites, startSink } from '@pressferry/testing/journey';
import { monotonicMs } from '../../ingress/load/clock.ts';

/** `count`: how many different results there are. `take`: writes the arrivals since the last taking to a file. */
export type SinkOrder = { what: 'count' } | { what: 'take'; file: string };
export interface SinkReport {
  count: number;
  refused: readonly string[];
}
/** What the sink says first. */
export interface SinkPlace {
  callbackBase: string;
  feedPort: number;
}

const [sites = '1'] = process.argv.slice(2);
/** Results that come together are told together. */
const TELL_EVERY_MS = 2;
const listeners = new Set<Socket>();
let told = 0;
let isTelling = false;
let taken = 0;

const sink = await startSink({ sites: journeySites(Number(sites)), now: monotonicMs, onArrival: tellSoon });
const feed = createServer((socket) => {
  listeners.add(socket);
  socket.on('error', () => undefined).on('close', () => listeners.delete(socket));
});
await new Promise<void>((resolve) => feed.listen(0, '127.0.0.1', resolve));

function tellSoon(): void {
  if (isTelling) return;
  isTelling = true;
  setTimeout(() => {
    isTelling = false;
    const more = sink.count() - told;
    told += more;
    for (const socket of listeners) socket.write(`${more}\n`);
  }, TELL_EVERY_MS);
}

process.on('message', (order: SinkOrder) => {
  if (order.what === 'take') {
    writeFileSync(order.file, JSON.stringify(sink.arrivals.slice(taken)));
    taken = sink.arrivals.length;
  }
  process.send?.({ count: sink.count(), refused: sink.refused } satisfies SinkReport);
});
process.on('disconnect', () => process.exit());
const place: SinkPlace = { callbackBase: sink.callbackUrl(''), feedPort: (feed.address() as AddressInfo).port };
process.send?.(place);
