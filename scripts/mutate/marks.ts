/** What stands before a test's name in the lines of `watch.ts`. */
export const MARK = { begins: '@begins ', failed: '@failed ' } as const

/** The variable with the test files of a run, in their order, as a JSON list. */
export const FILES_VARIABLE = 'TIDEMARK_MUTATE_FILES'
