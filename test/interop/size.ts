/** Whether the run is the short one that fits CI: `npm run test:interop -- --quick`. */
export const isQuick = process.env.TIDEMARK_INTEROP_QUICK === '1'

/** Of how many of something a test is made. */
export const sized = (full: number, quick: number): number => (isQuick ? quick : full)

/** Printed with every run: the same seed gives the same statements, records and kills. */
export const SEED = Number(process.env.TIDEMARK_SEED ?? Date.now() % 1_000_000)
