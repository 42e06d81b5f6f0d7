import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { startVendorSimulator } from './start.ts';

const USAGE = `usage: node packages/vendor-simulator/src/main.ts [options]
  --port N       port to listen on (0: any that is free)
  --host HOST    address to listen on (127.0.0.1)`;
const { port, host } = readCommandLine(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: { port: { type: 'string', default: '0' }, host: { type: 'string', default: '127.0.0.1' } },
  });
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535)
    throw new Error('--port takes a number up to 65535');
  return { port: Number(values.port), host: values.host };
});
const simulator = await startVendorSimulator({ port, host });
console.log(`listening ${simulator.url}`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => simulator[Symbol.asyncDispose]());
}
