// Places in a queue. Pure.

/** Where what plays stands when another is taken out; where the next one stands when it is itself. */
export function placeAfterTaking(place: number, taken: number): number {
  return taken < place ? place - 1 : place;
}
