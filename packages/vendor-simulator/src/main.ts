import { parseArgs } from 'node:util';
import { startVendorSimulator } from './start.ts';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, host: { type: 'string', default: '127.0.0.1' } },
});
const simulator = await startVendorSimulator({ port: Number(values.port), host: values.host });
console.log(`listening ${simulator.url}`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => simulator[Symbol.asyncDispose]());
}
