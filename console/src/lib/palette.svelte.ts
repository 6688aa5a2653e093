/** Night or day: as chosen here before, else as the machine prefers. The map reads the same colours. */

export type PaletteName = 'night' | 'day'
const KEY = 'tocsin.palette'

function preferred(): PaletteName {
  const chosen = localStorage.getItem(KEY)
  if (chosen === 'night' || chosen === 'day') return chosen
  return matchMedia('(prefers-color-scheme: light)').matches ? 'day' : 'night'
}

class Palette {
  name = $state<PaletteName>(preferred())

  constructor() {
    this.#show()
  }

  toggle(): void {
    this.name = this.name === 'night' ? 'day' : 'night'
    localStorage.setItem(KEY, this.name)
    this.#show()
  }

  #show(): void {
    document.documentElement.dataset['palette'] = this.name
  }
}

export const palette = new Palette()
