/** The bell: a struck tone with a long decay, made here; nothing is fetched. Browsers allow sound only after a first key or click. */

let context: AudioContext | null = null

/** To be called from a key press or click, the only moments at which a browser lets sound begin. */
export function allowSound(): void {
  context ??= new AudioContext()
  if (context.state === 'suspended') void context.resume()
}

/** Whether the browser would let the bell be heard now. */
export function soundAllowed(): boolean {
  return context?.state === 'running'
}

/** Two strokes. Partials of a small bell: hum, prime, tierce, quint, nominal. */
export function ring(): boolean {
  if (context?.state !== 'running') return false
  for (const stroke of [0, 0.75]) {
    for (const [ratio, loud, decay] of [
      [0.5, 0.25, 2.2],
      [1, 0.3, 1.8],
      [1.2, 0.2, 1.3],
      [1.5, 0.12, 1.0],
      [2, 0.16, 0.8],
    ] as const) {
      partial(context, context.currentTime + stroke, 523 * ratio, loud, decay)
    }
  }
  return true
}

function partial(to: AudioContext, at: number, frequency: number, loud: number, decay: number): void {
  const [tone, gain] = [to.createOscillator(), to.createGain()]
  tone.frequency.value = frequency
  gain.gain.setValueAtTime(0, at)
  gain.gain.linearRampToValueAtTime(loud * 0.5, at + 0.006)
  gain.gain.exponentialRampToValueAtTime(0.0001, at + decay)
  tone.connect(gain).connect(to.destination)
  tone.start(at)
  tone.stop(at + decay)
}
