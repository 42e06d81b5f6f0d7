/** How events of a type are handled in a deployment; `off` refuses them, `dry_run` records them and calls no vendor. */
export type EventTypeMode = 'live' | 'dry_run' | 'off';

const MODES: readonly unknown[] = ['live', 'dry_run', 'off'] satisfies EventTypeMode[];

/** True for a mode as configuration writes it. */
export const isEventTypeMode = (value: unknown): value is EventTypeMode => MODES.includes(value);

export const MODE_FAULT = 'must be "live", "dry_run" or "off"';
