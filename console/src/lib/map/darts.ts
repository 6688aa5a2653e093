/**
 * The tracks as one WebGL layer: a dart for each with its course, and its trail, drawn by instances from flat arrays.
 *
 * A frame costs one upload; moving the map costs nothing but two draw calls, so thousands stay fluid. Positions are Web
 * Mercator as 32-bit floats: exact to half a pixel up to zoom 13, and the map stops at 12.
 */

import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibre } from 'maplibre-gl'
import { mercator } from '../geo'
import type { Columns } from '../frames'

type Rgb = readonly [number, number, number]
export interface DartColours {
  plain: Rgb
  strong: Rgb
  amber: Rgb
}

/** x, y, course in radians, size in px, r, g, b, alpha. */
const DART = 8
/** x1, y1, x2, y2, r, g, b, alpha. */
const SEGMENT = 8

const DARTS_VERTEX = `#version 300 es
uniform mat4 u_matrix; uniform vec2 u_pixel; uniform float u_shift;
layout(location=0) in vec2 a_corner; layout(location=1) in vec4 a_place; layout(location=2) in vec4 a_colour;
out vec4 v_colour;
void main() {
  vec4 p = u_matrix * vec4(a_place.x + u_shift, a_place.y, 0.0, 1.0);
  float s = sin(a_place.z), c = cos(a_place.z);
  vec2 turned = vec2(a_corner.x * c + a_corner.y * s, a_corner.y * c - a_corner.x * s) * a_place.w;
  gl_Position = vec4(p.xy + turned * u_pixel * p.w, p.zw);
  v_colour = vec4(a_colour.rgb * a_colour.a, a_colour.a);
}`
const SEGMENTS_VERTEX = `#version 300 es
uniform mat4 u_matrix; uniform vec2 u_pixel; uniform float u_shift;
layout(location=0) in vec2 a_corner; layout(location=1) in vec4 a_place; layout(location=2) in vec4 a_colour;
out vec4 v_colour;
void main() {
  vec4 p = u_matrix * vec4(a_place.x + u_shift, a_place.y, 0.0, 1.0);
  vec4 q = u_matrix * vec4(a_place.z + u_shift, a_place.w, 0.0, 1.0);
  vec2 way = (q.xy / q.w - p.xy / p.w) / u_pixel;
  float far = length(way);
  vec2 side = far > 0.0 ? vec2(-way.y, way.x) / far * 0.65 : vec2(0.0);
  vec4 end = mix(p, q, a_corner.x);
  gl_Position = vec4(end.xy + side * a_corner.y * u_pixel * end.w, end.zw);
  v_colour = vec4(a_colour.rgb * a_colour.a, a_colour.a);
}`
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 v_colour; out vec4 o_colour; void main() { o_colour = v_colour; }`

// A dart with a notch, pointing north, one unit from middle to tip.
const DART_CORNERS = [0, 1, 0.62, -0.85, 0, -0.45, 0, 1, 0, -0.45, -0.62, -0.85]
const SEGMENT_CORNERS = [0, -1, 1, -1, 1, 1, 0, -1, 1, 1, 0, 1]

interface Batch {
  program: WebGLProgram
  vao: WebGLVertexArrayObject
  data: WebGLBuffer
  count: number
  uniforms: { matrix: WebGLUniformLocation; pixel: WebGLUniformLocation; shift: WebGLUniformLocation }
}

export class DartLayer implements CustomLayerInterface {
  readonly id = 'tracks'
  readonly type = 'custom'
  readonly renderingMode = '2d'
  #map: MapLibre | null = null
  #gl: WebGL2RenderingContext | null = null
  #darts: Batch | null = null
  #segments: Batch | null = null
  #pending: { darts: Float32Array; segments: Float32Array } | null = null

  onAdd(map: MapLibre, gl: WebGL2RenderingContext | WebGLRenderingContext): void {
    this.#map = map
    this.#gl = gl as WebGL2RenderingContext
    this.#darts = batch(this.#gl, DARTS_VERTEX, DART_CORNERS)
    this.#segments = batch(this.#gl, SEGMENTS_VERTEX, SEGMENT_CORNERS)
  }

  onRemove(): void {
    this.#map = this.#gl = this.#darts = this.#segments = null
  }

  show(darts: Float32Array, segments: Float32Array): void {
    this.#pending = { darts, segments }
    this.#map?.triggerRepaint()
  }

  render = (_: WebGL2RenderingContext | WebGLRenderingContext, input: CustomRenderMethodInput): void => {
    const [gl, map] = [this.#gl, this.#map]
    if (!gl || !map || !this.#darts || !this.#segments) return
    if (this.#pending) {
      fill(gl, this.#segments, this.#pending.segments, SEGMENT)
      fill(gl, this.#darts, this.#pending.darts, DART)
      this.#pending = null
    }
    const { clientWidth, clientHeight } = map.getCanvas()
    const bounds = map.getBounds()
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
    gl.disable(gl.DEPTH_TEST)
    gl.disable(gl.CULL_FACE)
    for (const each of [this.#segments, this.#darts]) {
      if (!each.count) continue
      gl.useProgram(each.program)
      gl.bindVertexArray(each.vao)
      gl.uniformMatrix4fv(each.uniforms.matrix, false, input.defaultProjectionData.mainMatrix)
      gl.uniform2f(each.uniforms.pixel, 2 / clientWidth, 2 / clientHeight)
      for (const shift of [-1, 0, 1]) {
        if (bounds.getEast() < -180 + 360 * shift || bounds.getWest() > 180 + 360 * shift) continue
        gl.uniform1f(each.uniforms.shift, shift)
        gl.drawArraysInstanced(gl.TRIANGLES, 0, 6, each.count)
      }
    }
    gl.bindVertexArray(null)
  }
}

/** Flat arrays for `DartLayer.show`. Tracks in `evidence` are amber. */
export function dartsOf(
  columns: Columns,
  trailOf: ((n: number) => readonly number[]) | null,
  evidence: ReadonlySet<number>,
  colours: DartColours,
): { darts: Float32Array; segments: Float32Array } {
  const darts = new Float32Array(columns.n.length * DART)
  let segments = new Float32Array(columns.n.length * SEGMENT * 4)
  let [d, s] = [0, 0]
  for (let i = 0; i < columns.n.length; i++) {
    const [n, lat, lon] = [columns.n[i] as number, columns.lat[i] as number, columns.lon[i] as number]
    const amber = evidence.has(n)
    const [x, y] = mercator(lat, lon)
    const course = columns.course[i] as number
    const colour = amber ? colours.amber : columns.mil[i] ? colours.strong : colours.plain
    const size = Number.isNaN(course) ? 3 : amber ? 7 : columns.mil[i] ? 6.5 : 5.5
    darts.set([x, y, Number.isNaN(course) ? 0 : (course * Math.PI) / 180, size, ...colour, 0.95], d)
    d += DART
    const trail = trailOf ? trailOf(n) : []
    const parts = trail.length / 2 - 1
    for (let k = 0; k < parts; k++) {
      const [x1, y1] = mercator(trail[2 * k] as number, trail[2 * k + 1] as number)
      const [x2, y2] = mercator(trail[2 * k + 2] as number, trail[2 * k + 3] as number)
      if (Math.abs(x2 - x1) > 0.5) continue
      if (s + SEGMENT > segments.length) segments = grown(segments)
      segments.set([x1, y1, x2, y2, ...colour, (amber ? 0.75 : 0.5) * ((k + 1) / parts)], s)
      s += SEGMENT
    }
  }
  return { darts: darts.subarray(0, d), segments: segments.subarray(0, s) }
}

/** `#rrggbb` as three numbers from 0 to 1. */
export function rgb(hex: string): Rgb {
  const n = Number.parseInt(hex.slice(1), 16)
  return [(n >> 16) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255]
}

function grown(array: Float32Array): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(Math.max(64, array.length * 2))
  larger.set(array)
  return larger
}

function fill(gl: WebGL2RenderingContext, to: Batch, data: Float32Array, stride: number): void {
  gl.bindBuffer(gl.ARRAY_BUFFER, to.data)
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW)
  to.count = data.length / stride
}

function batch(gl: WebGL2RenderingContext, vertex: string, corners: number[]): Batch {
  const program = gl.createProgram()
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type) as WebGLShader
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    gl.attachShader(program, shader)
  }
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? 'shader')
  const vao = gl.createVertexArray()
  gl.bindVertexArray(vao)
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(corners), gl.STATIC_DRAW)
  gl.enableVertexAttribArray(0)
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0)
  const data = gl.createBuffer()
  gl.bindBuffer(gl.ARRAY_BUFFER, data)
  for (const location of [1, 2]) {
    gl.enableVertexAttribArray(location)
    gl.vertexAttribPointer(location, 4, gl.FLOAT, false, 32, (location - 1) * 16)
    gl.vertexAttribDivisor(location, 1)
  }
  gl.bindVertexArray(null)
  const uniform = (name: string) => gl.getUniformLocation(program, name) as WebGLUniformLocation
  return { program, vao, data, count: 0, uniforms: { matrix: uniform('u_matrix'), pixel: uniform('u_pixel'), shift: uniform('u_shift') } }
}
