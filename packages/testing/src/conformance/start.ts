import { join } from 'node:path';
import { freePort } from '@pressferry/embedded';
import { temporaryFolder } from '../folders.ts';
import { type ServiceProcess, startService } from '../journey/service.ts';
import type { WorkerUnderTest } from './subject.ts';

/** A process of the service under test. */
export interface Started extends AsyncDisposable {
  service: ServiceProcess;
  /** Resolves to its exit code, null after a signal, once it has ended by itself or by `service.signal`. */
  exit: Promise<number | null>;
}

/** Starts the service under test; resolves once it is ready. */
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
