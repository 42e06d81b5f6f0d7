import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from '@pressferry/admin';
import { createCheckoutProgram } from '../src/program.ts';

test("a checkout's command has up, demo, clean and every command of operators", () => {
  const names = createCheckoutProgram().commands.map((command) => command.name());
  assert.deepEqual(
    names.toSorted(),
    createProgram()
      .commands.map((command) => command.name())
      .toSorted(),
  );
  const { up, demo, clean } = Object.fromEntries(createCheckoutProgram().commands.map((one) => [one.name(), one]));
  assert.ok([up, demo, clean].every((command) => command?.options.some(({ long }) => long === '--data-dir')));
});
