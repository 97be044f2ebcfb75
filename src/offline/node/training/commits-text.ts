/** Separates commits in a column of texts; no region or entity has it in its name. */
export const COMMITS_SEPARATOR = ','
