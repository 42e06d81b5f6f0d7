import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pressferry } from './command.ts';

test("the operators' command refuses up, demo and clean, and names the way to run them", async () => {
  for (const args of [['up'], ['up', '--replicas', 'ingress=3'], ['demo', '--once'], ['clean', '--all']]) {
    const run = pressferry(args);
    assert.equal(await run.exited, 2, args.join(' '));
    assert.match(run.output(), new RegExp(`^pressferry ${args[0]} runs in a checkout .*make ${args[0]}`));
  }
  const help = pressferry(['--help']);
  assert.equal(await help.exited, 0);
  assert.doesNotMatch(help.output(), /^ {2}(up|demo|clean) /m);
});
