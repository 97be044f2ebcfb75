import type { Region } from './region.ts'

/** What a Worker's binding to the bucket of its region's log is called. */
export const LOG_BINDING = 'LOG'

/** The bucket that a region keeps its log in; undefined when it keeps none. */
export const logBucket = ({ name, log }: Region): string | undefined => log && (log.bucket ?? `tidemark-${name}`)
