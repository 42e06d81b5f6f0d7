import { randomUUID } from 'node:crypto';
import { BUILT_IN_EVENT_TYPES, loadCatalogue, type ResultBody } from '@pressferry/contracts';
import { list, parseConfig } from '@pressferry/runtime';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { readNamed } from '../input/files.ts';
import { readSender, type SenderFlags } from '../sender/credentials.ts';
import { awaitResults, type Refused, sendEvent } from '../sender/requests.ts';
import { EXIT } from './exit-codes.ts';
import { age, siteId } from './options.ts';
import { runCommand } from './run.ts';

interface Flags extends SenderFlags {
  url: string;
  resultsUrl?: string;
  type: string;
  data?: string;
  object: string;
  key?: string;
  occurredAt: string;
  wait?: number;
  json?: boolean;
}

export function addSend(program: Command): void {
  program
    .command('send')
    .description('send a signed test event as a site, and with --wait show its result; registers nothing')
    .addHelpText(
      'after',
      '\nIt does what a site does, over HTTP alone. pressferry.test calls no vendor; the automations of another type run, and call theirs.\n' +
        'It ends with 1 if the event was refused, or if no result came in time.',
    )
    .requiredOption('--url <url>', 'ingress, or the proxy in front of it', httpUrl)
    .option('--results-url <url>', 'callback, if it is not reached under --url', httpUrl)
    .option('--as <file>', "the site's credentials in one file, as `sites make-test` writes them")
    .option('--site <site-id>', 'or one by one: the site', siteId)
    .option('--issuer <text>', 'the `iss` of its tokens')
    .option('--audience <text>', 'the `aud` of its tokens, pressferry unless given')
    .option('--kid <text>', 'the id of its key')
    .option('--key-file <file>', 'its private key, as PEM')
    .option('--secret-file <file>', 'its secret')
    .option('--type <event-type>', 'the type of the event', 'pressferry.test')
    .option('--data <file>', "the event's `data` as JSON; the sample of its type unless given")
    .option('--object <text>', 'the object_ref', 'pressferry-test')
    .option('--key <uuid>', 'the idempotency key; a new one unless given')
    .addOption(
      new Option('--occurred-at <time>', 'when it happened, RFC 3339 in UTC; a repeat of a key needs the same').default(
        new Date().toISOString(),
        'now',
      ),
    )
    .option('--wait <duration>', 'repeat what may pass, and wait so long for the result: 30s, 2m', age)
    .option('--json', 'one JSON document')
    .action((flags: Flags) => runCommand(() => send(flags)));
}

function httpUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new InvalidArgumentError('write a URL, as https://hooks.example.com.');
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

async function send(flags: Flags): Promise<number> {
  const { url, resultsUrl = url, type, object, key = randomUUID(), occurredAt, wait, json } = flags;
  const sender = await readSender(flags);
  const event = {
    event_type: type,
    object_ref: object,
    idempotency_key: key,
    occurred_at: occurredAt,
    data: await dataOf(flags),
  };
  const begunMs = Date.now();
  const deadline = begunMs + (wait ?? 0);
  const sent = await sendEvent(sender, event, { url, deadline });
  if (sent.kind === 'refused') return tellRefusal('the event was refused', sent, json);
  const accepted = { request_id: sent.requestId, idempotency_key: key, duplicate: sent.duplicate };
  if (!json)
    console.log(
      `202 accepted${sent.duplicate ? ' (a repeat)' : ''} after ${Math.round(sent.tookMs)} ms\nrequest ${sent.requestId}, key ${key}`,
    );
  if (wait === undefined) {
    if (json) console.log(JSON.stringify(accepted));
    return EXIT.done;
  }
  const got = await awaitResults(sender, sent.requestId, { url: resultsUrl, deadline });
  if (got.kind === 'results') return tellResults(accepted, got.results, Date.now() - begunMs, json);
  const hint = `does an automation run for ${type}? pressferry events show ${sent.requestId} says what became of it`;
  if (got.code === 'result_unknown')
    return tellRefusal(`no result within ${wait / 1000} s`, { ...got, why: hint }, json, accepted);
  return tellRefusal('the results cannot be read', got, json, accepted);
}

const typesConfig = z.object({ EVENT_TYPES_DIRS: list().default([]) });

async function dataOf({ data, type }: Flags): Promise<unknown> {
  if (data !== undefined) {
    const text = await readNamed(data, 'the file of --data');
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`the file of --data ${data} is not JSON`);
    }
  }
  const { EVENT_TYPES_DIRS: folders } = parseConfig(typesConfig, process.env);
  const types = loadCatalogue([BUILT_IN_EVENT_TYPES, ...folders]);
  const sample = types.get(type)?.sample;
  if (sample === undefined)
    throw new Error(
      `no sample of ${type} is known here: give --data. Types with one: ${[...types.keys()].filter((name) => types.get(name)?.sample).join(', ')}`,
    );
  return sample;
}

function tellResults(accepted: object, results: ResultBody[], tookMs: number, json: boolean | undefined): number {
  if (json) console.log(JSON.stringify({ ...accepted, results, took_ms: tookMs }));
  else
    for (const { result_id, automation, status, error, output } of results)
      console.log(
        `result ${result_id} of ${automation} after ${(tookMs / 1000).toFixed(1)} s: ${status}` +
          (error === undefined ? `\n${JSON.stringify(output, null, 2)}` : `, step ${error.step} (${error.code})`),
      );
  return results.every(({ status }) => status === 'succeeded') ? EXIT.done : EXIT.failed;
}

function tellRefusal(what: string, refused: Refused, json: boolean | undefined, accepted: object = {}): number {
  const { status, code, why } = refused;
  if (json) console.log(JSON.stringify({ ...accepted, refused: { status, code, why } }));
  else console.error(`${what}: ${status === 0 ? '' : `${status} `}${code}${why === '' ? '' : `: ${why}`}`);
  return EXIT.failed;
}
