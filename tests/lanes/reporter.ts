import { writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import type { Report } from './lane.ts';

/** A report that also says, for each file that failed, how many of its tests passed. */
export interface ReportByFile extends Report {
  failedFiles: { file: string; passed: number }[];
}

/**
 * A reporter for `node --test`: one line for each file, everything about what failed, and at the end the counts as JSON in
 * the file that LANE_REPORT names. LANE_RUNNING names one that lists the files being run, for a lane that does not end.
 */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const found: ReportByFile = { passed: 0, failed: 0, skipped: [], failures: [], failedFiles: [] };
  const outputs = new Map<string, string>();
  const tests = new Map<string, number>();
  const running = new Set<string>();
  for await (const { type, data } of source) {
    if ((type === 'test:dequeue' || type === 'test:complete') && isWholeFile(data)) {
      if (type === 'test:dequeue') running.add(data.name);
      else running.delete(data.name);
      writeFileSync(process.env.LANE_RUNNING ?? '/dev/null', [...running].join('\n'));
    } else if (type === 'test:stdout' || type === 'test:stderr') {
      outputs.set(data.file ?? '', (outputs.get(data.file ?? '') ?? '') + data.message);
    } else if (type === 'test:pass' || type === 'test:fail') {
      const file = data.file ?? '';
      const isTest = data.details.type !== 'suite' && !isWholeFile(data);
      if (isTest) tests.set(file, (tests.get(file) ?? 0) + 1);
      if (type === 'test:fail') {
        // A suite fails with its tests, but a file or a hook can also fail alone.
        if (isTest || !isOfChildren(data.details.error)) found.failed++;
        if (!isOfChildren(data.details.error)) {
          const failure = { name: placeOf(data), reason: reasonOf(data.details.error) };
          found.failures.push(failure);
          yield `✗ ${failure.name}\n${indented(failure.reason)}\n`;
        }
      } else if (data.skip !== undefined || data.todo !== undefined) {
        // Of a skipped suite no test is reported: it stands for them.
        found.skipped.push({ name: placeOf(data), reason: reasonToSkip(data.skip ?? data.todo) });
      } else if (isTest) {
        found.passed++;
      } else if (isWholeFile(data)) {
        const failure = { name: relative(process.cwd(), file), reason: 'holds no test' };
        found.failed++;
        found.failures.push(failure);
        yield `✗ ${failure.name}: ${failure.reason}\n`;
      }
    } else if (type === 'test:summary' && data.file !== undefined) {
      const name = relative(process.cwd(), data.file);
      const count = tests.get(data.file) ?? 0;
      const seconds = (data.duration_ms / 1000).toFixed(1);
      yield `${data.success ? '✓' : '✗'} ${name}: ${count} tests, ${seconds} s\n`;
      if (!data.success) found.failedFiles.push({ file: data.file, passed: data.counts.passed });
      if (!data.success) yield `${indented(outputs.get(data.file) ?? '')}\n`;
      outputs.delete(data.file);
    }
  }
  writeFileSync(process.env.LANE_REPORT ?? '/dev/stderr', JSON.stringify(found));
}

interface Place {
  name: string;
  file?: string;
  line?: number;
}

/** node --test also reports each file as its own test, when it could not be run or holds none. */
const isWholeFile = ({ name, file }: Place): boolean => file !== undefined && resolve(name) === file;

const placeOf = ({ name, file = '', line }: Place): string =>
  `${relative(process.cwd(), file)}${line === undefined ? '' : `:${line}`} ${name}`;

const isOfChildren = (error: Error | undefined): boolean =>
  error !== undefined && 'failureType' in error && error.failureType === 'subtestsFailed';

/** node --test wraps what was thrown; an assertion's message holds its comparison, so its members need not be shown again. */
const reasonOf = (error: Error | undefined): string => thrown(error?.cause ?? error).slice(0, MAX_REASON);

function thrown(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error);
  return `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by ${thrown(error.cause)}`}`;
}

const MAX_REASON = 6_000;

const reasonToSkip = (reason: string | boolean | undefined): string =>
  typeof reason === 'string' && reason !== '' ? reason : 'no reason is given';

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, '    ');
