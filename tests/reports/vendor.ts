import { createServer, type IncomingHttpHeaders } from 'node:http';
import { serve } from '@pressferry/testing';

/** A call as the vendor saw it. */
export interface Call {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
  atMs: number;
}

/** What the vendor says; 200 and JSON unless it says otherwise. */
export interface Said {
  status?: number;
  headers?: Record<string, string | string[]>;
  /** Bytes and a text as they are, anything else as JSON. */
  body: unknown;
  /** Ends the connection in place of the body's end. */
  isCut?: boolean;
}

export interface ScriptedVendor extends AsyncDisposable {
  url: string;
  calls: Call[];
}

/** Starts a vendor that answers as told. */
export async function startVendor(
  answer: (call: Call, number: number) => Said | Promise<Said>,
): Promise<ScriptedVendor> {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString('utf8');
    const call = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body,
      atMs: Date.now(),
    };
    calls.push(call);
    const said = await answer(call, calls.length);
    const isText = typeof said.body === 'string';
    const sent = isText || Buffer.isBuffer(said.body) ? (said.body as string | Buffer) : JSON.stringify(said.body);
    response.writeHead(said.status ?? 200, {
      'content-type': isText ? 'text/plain' : 'application/json',
      ...said.headers,
    });
    if (said.isCut === true) response.write(sent, () => request.socket.destroy());
    else response.end(sent);
  });
  return {
    calls,
    ...(await serve(server)),
  };
}

/** A chat completion of OpenAI's form. */
export const completion = (content: unknown, finishReason = 'stop', message: Record<string, unknown> = {}) => ({
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content, ...message }, finish_reason: finishReason }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});
