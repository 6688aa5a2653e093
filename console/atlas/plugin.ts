/** A Vite plugin: the offline base map out of the package world-atlas, emitted as one JSON file beside the scripts. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Plugin } from 'vite'
import { basemapOf, type Atlas } from './atlas'

const ID = 'virtual:basemap'

export function basemap(): Plugin {
  return {
    name: 'tocsin-basemap',
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    load(id) {
      if (id !== `\0${ID}`) return null
      const file = createRequire(import.meta.url).resolve('world-atlas/countries-50m.json')
      const source = JSON.stringify(basemapOf(JSON.parse(readFileSync(file, 'utf8')) as Atlas))
      const reference = this.emitFile({ type: 'asset', name: 'basemap.json', source })
      return `export default import.meta.ROLLUP_FILE_URL_${reference}`
    },
  }
}
