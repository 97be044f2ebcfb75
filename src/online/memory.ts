import { checkCount, tooLarge } from './batches.ts'
import { addressText, type Copy, type CopyAddress } from './copy.ts'
import { isCopyText, readCopy, writeCopy } from './copy-text.ts'
import type { Found, OnlineStore, PutOutcome, StoreFlags } from './store.ts'
import { VERSION_TEXT_LENGTH, versionText } from './version.ts'

const FLAGS: StoreFlags = {
  cas: true,
  staleMs: 0,
  readable: false,
  maxBodyBytes: 16 * 1024 * 1024,
  maxPuts: 10_000,
  maxGets: 10_000,
  atomicGets: 10_000,
}

/** The reference: copies in a map, as the texts that other stores keep. */
export class MemoryStore implements OnlineStore {
  readonly kind = 'memory'
  readonly flags = FLAGS
  readonly operations = { reads: 0, writes: 0, requests: 0 }
  /** By address. */
  readonly texts: Map<string, string>

  /** @param texts given when several stores stand for several clients of one. */
  constructor(texts = new Map<string, string>()) {
    this.texts = texts
  }

  async put(copies: readonly Copy[]): Promise<PutOutcome[]> {
    checkCount(copies.length, this.flags.maxPuts, 'copies')
    this.operations.requests++
    return copies.map((copy) => {
      this.operations.writes++
      const refused = tooLarge(copy, this.flags)
      if (refused !== undefined) return refused
      const at = addressText(copy.address)
      const known = this.texts.get(at)
      if (known !== undefined && !isCopyText(known)) return { refused: `${at} holds something that is no copy` }
      if (known !== undefined && known.slice(0, VERSION_TEXT_LENGTH) >= versionText(copy.version)) return 'older'
      this.texts.set(at, writeCopy(copy))
      return 'stored'
    })
  }

  async get(addresses: readonly CopyAddress[]): Promise<Found[]> {
    checkCount(addresses.length, this.flags.maxGets, 'addresses')
    this.operations.requests++
    return addresses.map((address) => {
      this.operations.reads++
      const text = this.texts.get(addressText(address))
      return text === undefined ? undefined : readCopy(text, address)
    })
  }
}
