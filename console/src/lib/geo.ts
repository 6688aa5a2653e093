/** Great-circle geometry on a sphere of the earth's mean radius: good to 0.5 %, for drawing only. */

const RADIUS_KM = 6371.0088
const rad = Math.PI / 180

export type LatLon = readonly [number, number]

/** Kilometres between two points. */
export function distanceKm([lat1, lon1]: LatLon, [lat2, lon2]: LatLon): number {
  const a = Math.sin(((lat2 - lat1) * rad) / 2) ** 2 + Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(((lon2 - lon1) * rad) / 2) ** 2
  return 2 * RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(a)))
}

/** The point `km` from the first along a course in degrees from north; longitude within ±180. */
export function ahead([lat, lon]: LatLon, course: number, km: number): [number, number] {
  const [d, c, f] = [km / RADIUS_KM, course * rad, lat * rad]
  const g = Math.asin(Math.sin(f) * Math.cos(d) + Math.cos(f) * Math.sin(d) * Math.cos(c))
  const l = lon * rad + Math.atan2(Math.sin(c) * Math.sin(d) * Math.cos(f), Math.cos(d) - Math.sin(f) * Math.sin(g))
  return [g / rad, ((((l / rad + 180) % 360) + 360) % 360) - 180]
}

/** A closed ring of [longitude, latitude] points around a centre: a circle as GeoJSON wants it. */
export function circle(centre: LatLon, km: number, steps = 72): [number, number][] {
  const ring: [number, number][] = []
  for (let i = 0; i <= steps; i++) {
    const [lat, lon] = ahead(centre, (360 * i) / steps, km)
    ring.push([lon, lat])
  }
  return ring
}

/** World coordinates of Web Mercator: x east and y south, 0 to 1 over the whole earth. */
export function mercator(lat: number, lon: number): [number, number] {
  const clamped = Math.max(-85.0511, Math.min(85.0511, lat)) * rad
  return [(lon + 180) / 360, (1 - Math.log(Math.tan(Math.PI / 4 + clamped / 2)) / Math.PI) / 2]
}

/** West, south, east, north around points, or null if there is none. */
export function boundsOf(points: Iterable<LatLon>): [number, number, number, number] | null {
  let box: [number, number, number, number] | null = null
  for (const [lat, lon] of points) {
    box = box ? [Math.min(box[0], lon), Math.min(box[1], lat), Math.max(box[2], lon), Math.max(box[3], lat)] : [lon, lat, lon, lat]
  }
  return box
}
