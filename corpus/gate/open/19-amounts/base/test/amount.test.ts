import { describe, expect, it } from 'vitest';
import { format, parse } from '../src/amount';

describe('format', () => {
  it('writes cents', () => {
    expect(format(5)).toBe('0,05 €');
    expect(format(120)).toBe('1,20 €');
  });

  it('writes a dot every three digits', () => {
    expect(format(123456789)).toBe('1.234.567,89 €');
    expect(format(99900)).toBe('999,00 €');
  });

  it('writes a minus', () => {
    expect(format(-100000)).toBe('-1.000,00 €');
  });
});

describe('parse', () => {
  it('reads whole euros', () => {
    expect(parse('12')).toBe(1200);
    expect(parse('0 €')).toBe(0);
  });

  it('reads cents', () => {
    expect(parse('1,23 €')).toBe(123);
    expect(parse('1,2€')).toBe(120);
    expect(parse('-0,07')).toBe(-7);
  });

  it('reads dots', () => {
    expect(parse('1.234,56 €')).toBe(123456);
    expect(parse('12.345.678')).toBe(1234567800);
  });

  it('refuses anything else', () => {
    for (const text of [' ', '€', '1,234', '1.23', '12.34.567', '1.2345', '1,', ',5', '1 2', 'x', '1$']) {
      expect(() => parse(text), text).toThrow(text);
    }
  });
});
