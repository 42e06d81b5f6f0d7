import { readFile } from 'node:fs/promises';
import { writePrivately } from '@pressferry/admin';
import { freePort, isPortFree } from '@pressferry/embedded';

/** By name: those of the last start if still free, so bookmarks and sites keep working. */
export interface Ports {
  of: (name: string) => Promise<number>;
  /** The port that a server got in the end. */
  keep: (name: string, port: number) => void;
  save: () => Promise<void>;
}

export async function openPorts(file: string): Promise<Ports> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  const ports = new Map(Object.entries(JSON.parse(text) as Record<string, number>));
  return {
    of: async (name) => {
      const last = ports.get(name);
      const port = last !== undefined && (await isPortFree(last)) ? last : await freePort();
      ports.set(name, port);
      return port;
    },
    keep: (name, port) => void ports.set(name, port),
    save: () => writePrivately(file, `${JSON.stringify(Object.fromEntries(ports), null, 2)}\n`),
  };
}
