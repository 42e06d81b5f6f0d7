import type { Rule, RuleFile } from '../../../scripts/alerts.ts';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** From a duration on, what takes its place; both in seconds. */
const WINDOWS = [
  [86_400, 60],
  [7_200, 45],
  [1_800, 40],
  [600, 20],
  [0, 15],
] as const;

/** Ages that are bad from, in seconds, and what takes their place. */
const AGES: Record<string, number> = { 300: 20, 900: 25, 1800: 30 };

/** What a busy machine makes true for some seconds. */
const PATIENT: Record<string, number> = { PressferryEventLoopBlocked: 30, PressferryResultsUnpublished: 20 };

/**
 * The rules with their hours made seconds, so a fault is told and over within a minute: windows, waits and the ages that count as old.
 * What they ask, and of which metrics, stays as it is.
 */
export const quickened = ({ groups }: RuleFile): RuleFile => ({
  groups: groups.map((group) => ({ ...group, rules: group.rules.map(quickenedRule) })),
});

function quickenedRule(rule: Rule): Rule {
  const { expr, for: wait, keep_firing_for: keep, ...rest } = rule;
  return {
    ...rest,
    expr: expr
      .replaceAll(/\[(\d+)([smhd])\]/g, (_, count: string, unit: string) => `[${windowOf(count, unit)}s]`)
      .replaceAll(/offset (\d+)([smhd])/g, (_, count: string, unit: string) => `offset ${windowOf(count, unit)}s`)
      .replaceAll(
        /(_age_seconds\b[^>]*> )(300|900|1800)\b/g,
        (_, before: string, age: string) => `${before}${AGES[age]}`,
      ),
    ...(wait === undefined ? {} : { for: `${PATIENT[rule.alert ?? ''] ?? waitOf(wait)}s` }),
    ...(keep === undefined ? {} : { keep_firing_for: '2s' }),
  };
}

/** What is told later stays so: a cause is told before what follows from it. */
function waitOf(wait: string): number {
  const seconds = Number(wait.slice(0, -1)) * (UNITS[wait.slice(-1)] ?? 1);
  return seconds <= 120 ? 2 : seconds <= 300 ? 5 : 8;
}

function windowOf(count: string, unit: string): number {
  const seconds = Number(count) * (UNITS[unit] ?? 1);
  return WINDOWS.find(([from]) => seconds >= from)?.[1] ?? 15;
}
