/** Logistic regression by Newton's method with a ridge, and how well it ranks: small enough to read, exact enough to ship. */

export interface Sample {
  readonly x: Float64Array
  /** 1 or 0. */
  readonly y: number
}

/** Keeps weights of inputs that say the same thing from running off against each other. */
const RIDGE = 100
const MOST_ROUNDS = 25
const CLOSE_ENOUGH = 1e-9

/** Weights by column of `x`. The last column must be the constant 1, whose weight is not held back by the ridge. */
export function fitLogistic(samples: readonly Sample[]): Float64Array {
  const width = samples[0]?.x.length ?? 0
  const weights = new Float64Array(width)
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { gradient, hessian } = slopes(samples, weights)
    const step = solve(hessian, gradient)
    let largest = 0
    for (let i = 0; i < width; i++) {
      weights[i] = at(weights, i) - at(step, i)
      largest = Math.max(largest, Math.abs(at(step, i)))
    }
    if (largest < CLOSE_ENOUGH) break
  }
  return weights
}

export function predict(weights: Float64Array, x: Float64Array): number {
  let logit = 0
  for (let i = 0; i < weights.length; i++) logit += at(weights, i) * at(x, i)
  return 1 / (1 + Math.exp(-logit))
}

function slopes(samples: readonly Sample[], weights: Float64Array) {
  const width = weights.length
  const gradient = new Float64Array(width)
  const hessian = Array.from({ length: width }, () => new Float64Array(width))
  for (const { x, y } of samples) {
    const p = predict(weights, x)
    const slope = p - y
    const bend = p * (1 - p)
    for (let i = 0; i < width; i++) {
      const xi = at(x, i)
      if (xi === 0) continue
      gradient[i] = at(gradient, i) + slope * xi
      const row = hessian[i] as Float64Array
      for (let j = 0; j <= i; j++) row[j] = at(row, j) + bend * xi * at(x, j)
    }
  }
  for (let i = 0; i < width - 1; i++) {
    gradient[i] = at(gradient, i) + RIDGE * at(weights, i)
    const row = hessian[i] as Float64Array
    row[i] = at(row, i) + RIDGE
  }
  return { gradient, hessian }
}

/** Solves a x = b for a symmetric positive definite `a`, given as its lower triangle (Cholesky). Overwrites `a`. */
function solve(a: readonly Float64Array[], b: Float64Array): Float64Array {
  const n = b.length
  for (let i = 0; i < n; i++) {
    const row = a[i] as Float64Array
    for (let j = 0; j <= i; j++) {
      const other = a[j] as Float64Array
      let sum = at(row, j)
      for (let k = 0; k < j; k++) sum -= at(row, k) * at(other, k)
      row[j] = i === j ? Math.sqrt(sum) : sum / at(other, j)
    }
  }
  const x = Float64Array.from(b)
  for (let i = 0; i < n; i++) {
    const row = a[i] as Float64Array
    for (let k = 0; k < i; k++) x[i] = at(x, i) - at(row, k) * at(x, k)
    x[i] = at(x, i) / at(row, i)
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] = at(x, i) - at(a[k] as Float64Array, i) * at(x, k)
    x[i] = at(x, i) / at(a[i] as Float64Array, i)
  }
  return x
}

const at = (list: Float64Array, i: number): number => list[i] as number

export interface Scored {
  readonly probability: number
  readonly y: number
}

/** The chance that a late flight is ranked above one that is not, ties half: 0.5 is guessing. (Mann-Whitney.) */
export function areaUnderCurve(scored: readonly Scored[]): number {
  const sorted = [...scored].sort((a, b) => a.probability - b.probability)
  const positives = sorted.filter(({ y }) => y === 1).length
  const negatives = sorted.length - positives
  if (positives === 0 || negatives === 0) return Number.NaN
  let rankSum = 0
  for (let from = 0; from < sorted.length; ) {
    let to = from
    let late = 0
    for (; to < sorted.length && sorted[to]?.probability === sorted[from]?.probability; to++) late += sorted[to]?.y ?? 0
    rankSum += late * ((from + 1 + to) / 2)
    from = to
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/** Mean surprise in nats; lower is better. Saying the base rate every time gives the entropy of the base rate. */
export function logLoss(scored: readonly Scored[]): number {
  const sum = scored.reduce((total, { probability, y }) => total - Math.log(y === 1 ? probability : 1 - probability), 0)
  return sum / scored.length
}
