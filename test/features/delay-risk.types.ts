import definitions from '../../features/index.ts'
import type { delayRisk } from '../../features/services.ts'
import type { KeysOf, VectorOf } from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'

// Types only: tsc checks this file, nothing runs it. What the model gets follows from the definitions.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined

type Vector = VectorOf<typeof delayRisk>
yes<
  Same<KeysOf<typeof delayRisk>, { readonly airport: string; readonly origin: string; readonly destination: string }>
>()
yes<Same<Vector['departures_1h'], number>>()
yes<Same<Vector['delay_avg_6h'], number | null>>()
yes<Same<Vector['last_destination'], string | null>>()
yes<Same<Vector['route_late_share_ever'], number | null>>()

// @ts-expect-error no feature of that name
type _Typo = Vector['departures_2h']

const store = localStore(definitions, { now: () => 0 })
// @ts-expect-error the row lacks the keys of the route
void store.read({ service: 'delay_risk', entities: [{ airport: 'SEA' }] })
// @ts-expect-error no such service
void store.read({ service: 'delay_risc', entities: [] })
