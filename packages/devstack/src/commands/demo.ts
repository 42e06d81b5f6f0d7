import { runInForeground, shortcoming, type Timeline } from '@pressferry/admin';
import type { Command } from 'commander';
import { type Followed, followObject } from '../demo/follow.ts';
import { timelineLines } from '../demo/print.ts';
import { type Demo, startDemo } from '../demo/start.ts';
import { watchEvents } from '../demo/watch.ts';
import type { Reporter } from '../output/reporter.ts';
import { terminalReporter } from '../output/terminal.ts';
import { type StackFlags, stackOf, stackOptions } from './options.ts';

const ROUND_TRIP_MS = 120_000;

const POST = {
  title: 'The night ferry to Hiiumaa',
  content: [
    '<p>The last ferry of the day leaves Rohuküla at nine in the evening. In November it is dark by then, and the lights of the',
    'harbour stay in sight for half of the crossing. It takes an hour and a quarter, with cars on the lower deck and soup above.</p>',
    '<p>When the strait freezes, an icebreaker keeps the way open. In hard winters there is a road on the ice next to it, and the',
    'ferry is then the slower way.</p>',
  ].join(' '),
};

interface DemoFlags extends StackFlags {
  once?: boolean;
  logs?: boolean;
}

/** `up` with a real WordPress, a published post, and the way of its event there and back. */
export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('run everything with a real WordPress, publish a post in it, and show the way of its event and result')
    .option('--once', 'end after the round trip: with exit code 0, or 1 and the reason')
    .option('--logs', "show all of the services' log lines, not only warnings");
  for (const option of stackOptions()) command.addOption(option);
  command.action(async (flags: DemoFlags) => {
    process.exitCode = await runInForeground(async ({ signal, resources, fail, onForce }) => {
      const reporter = terminalReporter({ jsonLogs: flags.jsonLogs, quiet: !flags.logs && !flags.jsonLogs });
      const startedAt = performance.now();
      const demo = resources.use(await startDemo({ ...stackOf(flags), reporter, signal, fail }));
      onForce(demo.stack.kill);
      const { editUrl, timeline } = await publish(demo, { reporter, signal });
      if (timeline === undefined) return 'done';
      reporter.say(`there and back ${seconds(performance.now() - startedAt)} after the start`);
      if (flags.once) return 'done';
      for (const line of addresses(demo, editUrl)) reporter.say(line);
      const watching = watchEvents({ db: demo.stack.db, siteId: demo.siteId }, [timeline.event.request_id], {
        signal,
        onSettled: (further) => show(demo, further, reporter),
      });
      resources.defer(() => watching);
      return 'stay';
    });
  });
}

async function publish(demo: Demo, { reporter, signal }: { reporter: Reporter; signal: AbortSignal }) {
  const { stack, wordpress, siteId } = demo;
  const followed: Followed = { db: stack.db, siteId, askSite: (query) => wordpress.status(query) };
  const post = await reporter.step(
    'publish a post',
    () => wordpress.publishPost(POST),
    ({ url }) => `WordPress has answered: ${url}`,
  );
  const objectRef = String(post.postId);
  const timeline = await reporter.step('there and back', () =>
    followObject(followed, objectRef, { deadlineMs: ROUND_TRIP_MS, signal }),
  );
  if (timeline === undefined) return { editUrl: post.editUrl, timeline };
  await show(demo, timeline, reporter);
  const fault = shortcoming(timeline);
  if (fault !== undefined) throw new Error(fault);
  return { editUrl: post.editUrl, timeline };
}

async function show({ stack, wordpress }: Demo, timeline: Timeline, reporter: Reporter): Promise<void> {
  const site = await wordpress.status({ idempotencyKey: timeline.event.idempotency_key });
  reporter.lines(['', ...timelineLines(timeline, site, stack.keyring), '']);
}

function addresses({ stack, wordpress }: Demo, editUrl: string): string[] {
  const { vendorUrl, opsUrls } = stack.file;
  return [
    `the site              ${wordpress.url}`,
    `the post's editor     ${editUrl}`,
    `log in there as       ${wordpress.adminUser} with the password ${wordpress.adminPassword}`,
    `vendor calls          ${vendorUrl}/_sim/ledger`,
    ...Object.entries(opsUrls).map(([name, url]) => `${`metrics of ${name}`.padEnd(21)} ${url}/metrics`),
    'publish a post or write a comment, and its way is shown here; Ctrl-C stops it all',
  ];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
