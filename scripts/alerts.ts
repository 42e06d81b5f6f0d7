import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..');

/** Rule files, each with its tests. */
export const ALERTS_FOLDER = 'charts/pressferry/files/alerts';

export interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface RuleFile {
  groups: { name: string; rules: Rule[] }[];
}

interface TestFile {
  rule_files: string[];
  tests: { name: string; promql_expr_test?: { expr: string; exp_samples: unknown[] }[] }[];
}

const pathsOf = (isTest: boolean): string[] =>
  globSync(`${ALERTS_FOLDER}/*.yaml`, { cwd: ROOT })
    .filter((path) => path.endsWith('_test.yaml') === isTest)
    .sort();

const readYaml = <T>(path: string): T => parse(readFileSync(join(ROOT, path), 'utf8')) as T;

/** By path from the root. */
export const ruleFiles = (): [path: string, file: RuleFile][] => pathsOf(false).map((path) => [path, readYaml(path)]);

/** For `promtool test rules`. */
export const ruleTests = (): [path: string, file: TestFile][] => pathsOf(true).map((path) => [path, readYaml(path)]);

export const allRules = (): Rule[] => ruleFiles().flatMap(([, { groups }]) => groups.flatMap(({ rules }) => rules));

/** A metric with its label matchers. */
export interface Selector {
  metric: string;
  matchers: { label: string; values: string[] }[];
}

/** Metrics of a PromQL query, ours and those of Node and the process, with the named label values. */
export function selectorsOf(query: string): Selector[] {
  const found = query.matchAll(/\b((?:pressferry|process|nodejs)[a-z0-9_:]*[a-z0-9])\b(?:\{([^}]*)\})?/g);
  return [...found]
    .filter((match) => !isInString(query, match.index))
    .map(([, metric = '', matchers = '']) => ({
      metric,
      matchers: [...matchers.matchAll(/([a-z_]+)\s*(?:=~|=)\s*"([^"]*)"/g)].map(([, label = '', value = '']) => ({
        label,
        values: value.split('|'),
      })),
    }));
}

const isInString = (text: string, at: number): boolean => (text.slice(0, at).split('"').length - 1) % 2 === 1;
