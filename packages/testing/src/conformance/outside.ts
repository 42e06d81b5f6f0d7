import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { serve } from '../serve.ts';
import type { Outside } from './subject.ts';

export interface OutsideOptions {
  /** The id of the work that a request is about. */
  workOf: (request: IncomingMessage) => string;
  accept: (request: IncomingMessage, response: ServerResponse) => void;
}

/** Accepts until told otherwise. */
export async function startOutside({ workOf, accept }: OutsideOptions): Promise<Outside> {
  const requests = new Map<string, number>();
  let how: 'accept' | 'refuse' | 'hold' = 'accept';
  let held: (() => void)[] = [];
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    if (how === 'accept') accept(request, response);
    else response.writeHead(503, { 'content-type': 'application/json' }).end('{}');
  };
  const server = createServer(async (request, response) => {
    await request.toArray();
    const id = workOf(request);
    requests.set(id, (requests.get(id) ?? 0) + 1);
    if (how === 'hold') held.push(() => respond(request, response));
    else respond(request, response);
  });
  return {
    hold: () => {
      how = 'hold';
    },
    answer: (next) => {
      how = next;
      const waiting = held;
      held = [];
      for (const answer of waiting) answer();
    },
    requests: ({ id }) => requests.get(id) ?? 0,
    ...(await serve(server)),
  };
}
