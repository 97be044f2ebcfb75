/** Where commands find the log: the bucket, as a folder of this machine. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { logBucket, type Region } from '../../src/plan/index.ts'
import { bucketFolder } from '../local/r2-service.ts'
import { cacheFolder } from './paths.ts'
import { UsageError } from './usage-error.ts'

/** The bucket of `npm start` on this machine. */
export function localLogFolder([region]: readonly Region[]): string | undefined {
  const bucket = region && logBucket(region)
  return bucket === undefined ? undefined : join(cacheFolder, 'start', bucketFolder(bucket))
}

/** The folder that `--log` names, or that of `npm start`. Throws a {@link UsageError} when it is not there. */
export function logFolder(given: string | undefined, regions: readonly Region[]): string {
  const folder = given ?? localLogFolder(regions)
  if (folder === undefined)
    throw new UsageError('no region of regions.ts keeps a log: name a folder with --log FOLDER.')
  if (existsSync(folder)) return folder
  const mend =
    given === undefined ? 'npm start makes one, or name another with --log FOLDER' : 'name the folder that holds log/'
  throw new UsageError(`there is no log in ${folder}: ${mend}.`)
}
