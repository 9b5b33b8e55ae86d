// What require('gaussmix/compat/gaussian-mixture') gives: the class itself, with Histogram as a property.
export { default } from './gaussian-mixture.ts';
