import { fromBase64, toBase64 } from '../util/base64.ts'
import { checksum32 } from '../util/checksum.ts'
import { addressText, type Copy, type CopyAddress } from './copy.ts'
import { parseVersionText, VERSION_TEXT_LENGTH, versionText } from './version.ts'

/** Raised when a reader of before could not read what is written. */
export const COPY_FORMAT = 1

/** Why what lies at an address is not the copy that is asked for: nothing is read of it, and somebody is told. */
export interface PassedOver {
  readonly passedOver: string
}

/**
 * A copy as one text, for stores that keep texts: the version, so that a store can compare it as it stands, then a line of
 * JSON, then the body in base64. The address is in it: a key that was made wrongly, or another tool's, is seen.
 */
export function writeCopy({ address, version, atMs, body }: Copy): string {
  const about = { format: COPY_FORMAT, address: addressText(address), atMs, sum: checksum32(body) }
  return `${versionText(version)}${JSON.stringify(about)}\n${toBase64(body)}`
}

/** Whether a text begins as copies do, of whatever format: only such a one may be replaced. */
export const isCopyText = (text: string): boolean => /^[0-9a-f]{44}\{/.test(text)

/** The copy that a text holds. */
export function readCopy(text: string, address: CopyAddress): Copy | PassedOver {
  const where = addressText(address)
  const passedOver = (why: string): PassedOver => ({ passedOver: `the copy of ${where} ${why}` })
  const version = parseVersionText(text.slice(0, VERSION_TEXT_LENGTH))
  const cut = text.indexOf('\n')
  if (version === undefined || cut < 0) return passedOver('was not written by Tidemark')
  let about: { format?: unknown; address?: unknown; atMs?: unknown; sum?: unknown }
  try {
    about = JSON.parse(text.slice(VERSION_TEXT_LENGTH, cut)) as typeof about
  } catch {
    return passedOver('was not written by Tidemark')
  }
  if (about.format !== COPY_FORMAT)
    return passedOver(`is of format ${String(about.format)}; this code reads ${COPY_FORMAT}`)
  if (about.address !== where) return passedOver(`is one of ${String(about.address)}`)
  const body = fromBase64(text.slice(cut + 1))
  if (body === undefined || typeof about.atMs !== 'number' || checksum32(body) !== about.sum)
    return passedOver('is damaged')
  return { address, version, atMs: about.atMs, body }
}
