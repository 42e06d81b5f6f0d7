import { command } from './command.ts';
import type { Finding, Lane } from './lane.ts';

const RAN = /^ran +.+: (\d+) passed, (\d+) failed, (\d+) skipped, .* s$/gm;
const NOT_RUN = /^not run +(.+)$/gm;
const SKIPPED = /^skipped (\S+): (.+)$/gm;
/** As the shim prints a failure, and as PHPUnit does. */
const FAILURES = [/^FAILED (\S+): (.+)$/gm, /^\d+\) (.+)\n(.+)$/gm];

/** The plugin's own lanes, run by `wordpress/run-tests.ts`, which says which of them this machine can run. */
export const wordpressLane: Lane = {
  name: 'wordpress',
  run: async () => {
    const { code, output } = await command(process.execPath, ['wordpress/run-tests.ts'], {
      onOutput: (text) => process.stdout.write(text),
    });
    const ran = [...output.matchAll(RAN)];
    const sum = (group: number) => ran.reduce((total, match) => total + Number(match[group]), 0);
    const skipped = found(output, SKIPPED);
    // PHPUnit counts what it skipped and names it in another form.
    while (skipped.length < sum(3)) skipped.push({ name: 'a test', reason: 'in the output above' });
    return {
      passed: sum(1),
      failed: code !== 0 && sum(2) === 0 ? 1 : sum(2),
      skipped,
      failures: FAILURES.flatMap((form) => found(output, form)),
      notRun: [...output.matchAll(NOT_RUN)].map(([, part = '']) => part),
    };
  },
};

/** What a form finds in the output, by the plugin's lane and the test. */
function found(output: string, form: RegExp): Finding[] {
  return output.split(/^── /m).flatMap((section) => {
    const lane = /^[^,\n]*/.exec(section)?.[0];
    return [...section.matchAll(form)].map(([, name = '', reason = '']) => ({ name: `${lane} ${name}`, reason }));
  });
}
