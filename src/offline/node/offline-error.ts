/** What somebody gave that cannot be used: a label file, a log, an option. The message says what, where, and how to mend it. */
export class OfflineError extends Error {}
