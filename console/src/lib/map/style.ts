/** The map's style: quiet land and borders out of the offline base map, and what matters above it. Colours come from the page's own palette. */

import b612 from '@fontsource/b612/files/b612-latin-400-normal.woff2?url'
import type { FilterSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl'
import type { Basemap } from '../../../atlas/atlas'

/** The custom layer of tracks stands below the first layer of what matters. */
export const ABOVE_TRACKS = 'places-line'
export const EMPTY = { type: 'FeatureCollection', features: [] } as const satisfies GeoJSON.FeatureCollection

/** A colour of the page's palette, as app.css names it. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

export function styleOf(basemap: Basemap): StyleSpecification {
  const source = (data: GeoJSON.GeoJSON) => ({ type: 'geojson', data }) as const
  return {
    version: 8,
    'font-faces': { B612: [{ url: new URL(b612, location.href).href }] },
    sources: {
      land: source(basemap.land),
      coast: source(basemap.coast),
      borders: source(basemap.borders),
      names: source(basemap.labels),
      places: source(EMPTY),
      paths: source(EMPTY),
      marks: source(EMPTY),
      texts: source(EMPTY),
    },
    layers: layers(),
  }
}

function layers(): LayerSpecification[] {
  const kind = (name: string): FilterSpecification => ['==', ['get', 'kind'], name]
  const text = (size: number) => ({ 'text-font': ['B612'], 'text-size': size, 'text-letter-spacing': 0.1 })
  const halo = { 'text-halo-color': colour('map-land'), 'text-halo-width': 1.4 }
  return [
    { id: 'sea', type: 'background', paint: { 'background-color': colour('map-sea') } },
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': colour('map-land'), 'fill-antialias': false } },
    { id: 'borders', type: 'line', source: 'borders', paint: { 'line-color': colour('map-border'), 'line-width': 1 } },
    { id: 'coast', type: 'line', source: 'coast', paint: { 'line-color': colour('map-coast'), 'line-width': 1 } },
    {
      id: 'names',
      type: 'symbol',
      source: 'names',
      layout: {
        ...text(11),
        'text-field': ['get', 'name'],
        'text-letter-spacing': 0.14,
        'text-padding': 12,
        'symbol-sort-key': ['-', 0, ['get', 'size']],
        'text-size': ['interpolate', ['linear'], ['zoom'], 2, 9, 5, 11, 8, 13],
      },
      paint: { 'text-color': colour('map-name'), ...halo },
    },
    { id: 'blind', type: 'fill', source: 'places', filter: kind('blind'), paint: { 'fill-pattern': 'hatch' } },
    {
      id: 'blind-edge',
      type: 'line',
      source: 'places',
      filter: kind('blind'),
      paint: { 'line-color': colour('map-hatch'), 'line-width': 1, 'line-dasharray': [4, 3] },
    },
    {
      id: 'places-area',
      type: 'line',
      source: 'places',
      filter: kind('area'),
      paint: { 'line-color': colour('quiet'), 'line-width': 1, 'line-dasharray': [6, 3, 1, 3] },
    },
    {
      id: 'places-staging',
      type: 'line',
      source: 'places',
      filter: kind('staging'),
      layout: { 'line-cap': 'round' },
      paint: { 'line-color': colour('quiet'), 'line-width': 1.6, 'line-dasharray': [0, 3] },
    },
    {
      id: ABOVE_TRACKS,
      type: 'line',
      source: 'places',
      filter: kind('line'),
      paint: { 'line-color': colour('map-line'), 'line-width': 1.7, 'line-dasharray': [5, 3] },
    },
    {
      id: 'predicted',
      type: 'line',
      source: 'paths',
      filter: kind('predicted'),
      layout: { 'line-cap': 'round' },
      paint: { 'line-color': colour('amber'), 'line-width': 1.8, 'line-dasharray': [0, 2.6] },
    },
    {
      id: 'marks',
      type: 'symbol',
      source: 'marks',
      filter: ['==', ['get', 'lead'], false],
      // Aircraft in trail stand closer than their symbols are wide: one that would cover another gives way. Each keeps its dart.
      layout: { 'icon-image': ['get', 'icon'], 'icon-padding': 0, 'icon-size': 0.85 },
    },
    {
      id: 'lead',
      type: 'symbol',
      source: 'marks',
      filter: ['==', ['get', 'lead'], true],
      layout: { 'icon-image': ['get', 'icon'], 'icon-allow-overlap': true, 'icon-size': 1.25 },
    },
    {
      id: 'texts',
      type: 'symbol',
      source: 'texts',
      layout: {
        ...text(12),
        'text-field': ['get', 'text'],
        'text-letter-spacing': ['get', 'spread'],
        'text-anchor': ['get', 'anchor'],
        'text-justify': ['get', 'justify'],
        'text-offset': ['get', 'offset'],
        'text-max-width': 30,
        'symbol-sort-key': ['match', ['get', 'tone'], 'amber', 0, 'strong', 1, 2],
        'text-padding': 1,
      },
      paint: { 'text-color': ['match', ['get', 'tone'], 'amber', colour('amber'), 'strong', colour('map-line'), colour('quiet')], ...halo },
    },
  ]
}

/** Diagonal hatch as an image that repeats without a seam. */
export function hatch(ratio: number): ImageData {
  const side = Math.round(10 * ratio)
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = side
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D
  pen.strokeStyle = colour('map-hatch')
  pen.lineWidth = ratio
  for (const shift of [-side, 0, side]) {
    pen.beginPath()
    pen.moveTo(shift - 2, side + 2)
    pen.lineTo(shift + side + 2, -2)
    pen.stroke()
  }
  return pen.getImageData(0, 0, side, side)
}
