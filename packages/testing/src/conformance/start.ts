import { join } from 'node:path';
import { freePort } from '@pressferry/embedded';
import { temporaryFolder } from '../folders.ts';
import { type ServiceProcess, startService } from '../journey/service.ts';
import type { WorkerUnderTest } from './subject.ts';

export interface Started extends AsyncDisposable {
  service: ServiceProcess;
  /** Null after a signal. */
  exit: Promise<number | null>;
}

export async function start(subject: WorkerUnderTest, env: Readonly<Record<string, string>>): Promise<Started> {
  const folder = await temporaryFolder('conformance');
  const { promise: exit, resolve } = Promise.withResolvers<number | null>();
  const opsPort = await freePort();
  const service = await startService({
    ...subject.process,
    env: {
      ...subject.process.env,
      ...env,
      OPS_HOST: '127.0.0.1',
      OPS_PORT: String(opsPort),
      PATH: process.env.PATH ?? '',
    },
    ...{ httpPort: undefined, opsPort, keepUp: false },
    logFile: join(folder.path, 'log'),
    onEnd: (_name, { code }) => resolve(code),
  });
  return {
    service,
    exit,
    async [Symbol.asyncDispose]() {
      await service.stop();
      await folder.remove();
    },
  };
}
