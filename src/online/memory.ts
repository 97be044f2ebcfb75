import { addressText, type Copy, type CopyAddress } from './copy.ts'
import { readCopy, writeCopy } from './copy-text.ts'
import type { Found, OnlineStore, PutOutcome, StoreFlags } from './store.ts'
import { VERSION_TEXT_LENGTH, versionText } from './version.ts'

const FLAGS: StoreFlags = {
  cas: true,
  staleMs: 0,
  readable: false,
  maxBodyBytes: 16 * 1024 * 1024,
  maxPuts: 10_000,
  maxGets: 10_000,
}

/** The reference: copies in a map, as the texts that other stores keep. */
export class MemoryStore implements OnlineStore {
  readonly kind = 'memory'
  readonly flags = FLAGS
  readonly operations = { reads: 0, writes: 0, requests: 0 }
  /** By address. */
  readonly texts = new Map<string, string>()

  async put(copies: readonly Copy[]): Promise<PutOutcome[]> {
    this.operations.requests++
    return copies.map((copy) => {
      this.operations.writes++
      if (copy.body.length > this.flags.maxBodyBytes)
        return { refused: `${copy.body.length} bytes; at most ${this.flags.maxBodyBytes}` }
      const at = addressText(copy.address)
      const known = this.texts.get(at)?.slice(0, VERSION_TEXT_LENGTH)
      if (known !== undefined && known >= versionText(copy.version)) return 'older'
      this.texts.set(at, writeCopy(copy))
      return 'stored'
    })
  }

  async get(addresses: readonly CopyAddress[]): Promise<Found[]> {
    this.operations.requests++
    return addresses.map((address) => {
      this.operations.reads++
      const text = this.texts.get(addressText(address))
      return text === undefined ? undefined : readCopy(text, address)
    })
  }
}
