/** packages/admin/README.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Wrong options or arguments; nothing was changed. */
  usage: 2,
  /** Changed in Postgres, but not in force in every replica. */
  unpublished: 3,
  /** Some lines of a file were refused, the others are done. */
  partly: 4,
  /** A variable is missing or wrong (EX_CONFIG). */
  config: 78,
} as const;
