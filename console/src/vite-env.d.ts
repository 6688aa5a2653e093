/// <reference types="vite/client" />
/// <reference types="svelte" />

declare module 'virtual:basemap' {
  /** Address of the JSON file that holds a `Basemap` (atlas/atlas.ts). */
  const url: string
  export default url
}

declare module 'milsymbol/parts' {
  import milsymbol from 'milsymbol'
  export const ms: typeof milsymbol & { addIcons(parts: unknown[]): void }
  export const numberair: unknown
}
