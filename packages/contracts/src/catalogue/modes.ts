/** `off` refuses events; `dry_run` records them and calls no vendor. */
export type EventTypeMode = 'live' | 'dry_run' | 'off';

const MODES: readonly unknown[] = ['live', 'dry_run', 'off'] satisfies EventTypeMode[];

export const isEventTypeMode = (value: unknown): value is EventTypeMode => MODES.includes(value);

export const MODE_FAULT = 'must be "live", "dry_run" or "off"';
