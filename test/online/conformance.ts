import { expect, test } from 'vitest'
import type { Copy, OnlineStore } from '../../src/online/index.ts'

/** What every online store must do. `make` gives an empty store. */
export function storeConformance(name: string, make: () => Promise<OnlineStore>): void {
  const copy = (seq: number): Copy => ({
    address: { kind: 'entity', entity: 'user', region: 'east', place: 0, key: 's2:u1' },
    version: { epoch: 0, mark: 1_000, seq, revision: 1 },
    atMs: 2_000,
    body: Uint8Array.of(seq),
  })

  test(`${name}: a copy is replaced only by a greater version`, async () => {
    const store = await make()
    expect(await store.put([copy(2)])).toEqual(['stored'])
    expect(await store.put([copy(1)])).toEqual(['older'])
    expect(await store.get([copy(1).address])).toEqual([copy(2)])
  })
}
