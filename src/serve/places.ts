import type { Region } from '../plan/index.ts'

/**
 * Where on Earth Cloudflare's places are, by the names that its location hints have. Colos are the IATA codes of
 * `request.cf.colo`; one that is not listed here (they open new ones) is told by the continent of the request.
 */
const COLOS: Readonly<Record<string, string>> = {
  wnam: 'ABQ ANC BOI DEN GDL HNL LAS LAX MFE PDX PHX QRO SAN SEA SFO SJC SLC SMF TIJ YVR YYC MEX MZT',
  enam: 'ATL AUS BGR BNA BOS BUF CLE CLT CMH DFW DTW EWR FSD IAD IAH IND JAX MCI MCO MEM MIA MSP OKC OMA ORD ORF PHL PIT RDU RIC SAT STL TLH TPA YHZ YOW YUL YWG YXE YYZ KIN SDQ SJU NAS',
  sam: 'ARI ASU BEL BNU BOG BSB CAW CCP CFC CGB CLO CNF COR CWB EZE FLN FOR GEO GIG GND GRU GUA GYE GYN ITJ JDO JOI LIM MAO MDE NQN NVT PBM PMW POA POS PTY RAO REC SJK SJO SJP SOD SSA SCL TGU UDI UIO VCP VIX XAP BAQ BGI',
  weur: 'AMS ARN BCN BOD BRU CDG CPH DUB DUS EDI FCO FRA GOT GVA HAM HEL KEF LHR LIS LUX LYS MAD MAN MRS MUC MXP ORK OSL PMO STR TXL BER ZRH VIE',
  eeur: 'ATH BEG BTS BUD EVN IEV KBP KIV KLD LED DME SVX MSQ OTP PRG RIX SKP SOF TBS TIA TLL VNO WAW ZAG IST ADB LCA GYD SKG OVB KJA',
  apac: 'AMD BBI BLR BOM CCU CGD CGK CMB COK CNN CRK DAC DEL DPS HYD IXC JOG JSR KNU KTM MAA MLE NAG PAT PBH SIN VTE BKK CEB CGP CNX DAD HAN HKG HYN JHB KCH KUL KUN MFM MNL PNH RGN SGN SZX TPE ULN UBN URT',
  'apac-ne': 'FUK GUM ICN KIX NRT OKA KHH HND',
  oc: 'ADL AKL BNE CBR CHC HBA MEL NOU PER PPT SUV SYD WLG',
  me: 'AMM BAH BEY BGW BSR DMM DOH DXB EBL ISU JED KHI ISB KWI LHE LLK MCT NJF RUH TLV XNH ZDM',
  /** North of the Sahara: Europe is nearer than the rest of Africa. */
  nafr: 'AAE ALG CAI CMN CZL ORN TUN',
  afr: 'ABJ ACC ADD ASK BJL BKO CPT DAR DKR DUR EBB FIH GBE HRE JIB JNB KGL LAD LLW LOS LUN MBA MPM MRU NBO NDJ OUA RUN TNR WDH MLW DLA',
}

/** Degrees of latitude and longitude, about where each place's machines are. */
const PLACES: Readonly<Record<string, readonly [number, number]>> = {
  wnam: [40, -120],
  enam: [40, -78],
  sam: [-20, -48],
  weur: [50, 5],
  eeur: [50, 22],
  apac: [10, 100],
  'apac-ne': [36, 138],
  'apac-se': [1, 104],
  oc: [-33, 148],
  me: [25, 50],
  nafr: [33, 8],
  afr: [-10, 28],
}

/** By `request.cf.continent`, for colos that are not listed. */
const CONTINENTS: Readonly<Record<string, string>> = {
  AF: 'afr',
  AN: 'oc',
  AS: 'apac',
  EU: 'weur',
  NA: 'enam',
  OC: 'oc',
  SA: 'sam',
}

let placeByColo: ReadonlyMap<string, string> | undefined

/** Where a request came in, as a location hint names it; undefined when that is not known. */
export function placeOf(colo: string | undefined, continent?: string): string | undefined {
  placeByColo ??= new Map(
    Object.entries(COLOS).flatMap(([place, codes]) => codes.split(' ').map((code) => [code, place])),
  )
  return (colo === undefined ? undefined : placeByColo.get(colo)) ?? CONTINENTS[continent ?? '']
}

/**
 * Regions by their distance from where a request came in; as they are when that is not known. A region without a `location` comes
 * behind all others.
 *
 * @param place as {@link placeOf} tells it
 */
export function nearestFirst<T extends Pick<Region, 'location'>>(
  regions: readonly T[],
  place: string | undefined,
): readonly T[] {
  const here = place === undefined ? undefined : PLACES[place]
  if (here === undefined) return regions
  const distance = ({ location }: T): number => {
    const there = location === undefined ? undefined : PLACES[location]
    return there === undefined ? Number.POSITIVE_INFINITY : degreesApart(here, there)
  }
  return [...regions].sort((a, b) => {
    const [from, to] = [distance(a), distance(b)]
    return from === to ? 0 : from - to
  })
}

/** The angle between two points of the Earth, by the haversine formula. */
function degreesApart([lat1, lon1]: readonly [number, number], [lat2, lon2]: readonly [number, number]): number {
  const radians = Math.PI / 180
  const half = (a: number, b: number) => Math.sin(((b - a) * radians) / 2) ** 2
  const chord = half(lat1, lat2) + Math.cos(lat1 * radians) * Math.cos(lat2 * radians) * half(lon1, lon2)
  return (2 * Math.asin(Math.sqrt(chord))) / radians
}
