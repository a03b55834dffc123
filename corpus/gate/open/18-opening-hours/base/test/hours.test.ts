import { expect, test } from 'vitest';
import { Hours } from '../src/hours';

const hours = new Hours([
  [540, 720],
  [840, 1080],
]);

test('a span after the others', () => {
  expect(hours.plus(1140, 1200)).toEqual(new Hours([[540, 720], [840, 1080], [1140, 1200]]));
});

test('a span before the others', () => {
  expect(hours.plus(480, 500)).toEqual(new Hours([[480, 500], [540, 720], [840, 1080]]));
});

test('spans that overlap', () => {
  expect(hours.plus(700, 900)).toEqual(new Hours([[540, 1080]]));
  expect(hours.plus(600, 780)).toEqual(new Hours([[540, 780], [840, 1080]]));
});

test('spans that touch', () => {
  expect(hours.plus(720, 840)).toEqual(new Hours([[540, 1080]]));
});

test('a span inside another', () => {
  expect(hours.plus(600, 660)).toEqual(hours);
});

test('no time at all', () => {
  expect(() => hours.plus(700, 700)).toThrow(RangeError);
  expect(() => hours.plus(700, 600)).toThrow(RangeError);
});
