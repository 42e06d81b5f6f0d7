/** Operators' labels: `customer`, `plan`. */
export type Labels = Readonly<Record<string, string>>;

const PREFIX = 'label.';
const NAME = /^[a-z][a-z0-9_.-]{0,62}$/;
const MAX_VALUE = 200;
const MAX_LABELS = 50;

/** With the remedy; null if the label is valid. */
export function labelFault(name: string, value: string): string | null {
  if (!NAME.test(name))
    return 'its name begins with a small letter, and has small letters, digits, dots, dashes and underscores, at most 63';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (value === '' || value.length > MAX_VALUE || /[\u0000-\u001f\u007f]/.test(value))
    return `its value has 1 to ${MAX_VALUE} characters, and no line breaks`;
  return null;
}

/** Applies the assignments `label.<name>=value` and returns the others; an empty value removes a label. */
export function changeLabels(
  labels: Labels,
  assignments: Readonly<Record<string, string>>,
): { labels: Labels; others: Record<string, string>; faults: string[] } {
  const changed = new Map(Object.entries(labels));
  const others: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries(assignments)) {
    if (!name.startsWith(PREFIX)) others[name] = value;
    else if (value === '') changed.delete(name.slice(PREFIX.length));
    else {
      const fault = labelFault(name.slice(PREFIX.length), value);
      if (fault === null) changed.set(name.slice(PREFIX.length), value);
      else faults.push(`${name}: ${fault}`);
    }
  }
  if (changed.size > MAX_LABELS) faults.push(`a site has at most ${MAX_LABELS} labels`);
  return { labels: Object.fromEntries([...changed].sort(([a], [b]) => (a < b ? -1 : 1))), others, faults };
}
