import { useId } from 'react';
import { ranges, type RangeName } from '../../lib/range';

interface RangePickerProps {
  value: RangeName;
  onValue: (value: RangeName) => void;
}

/** A row of choices, moved through with the arrow keys as radio buttons are. */
export function RangePicker({ value, onValue }: RangePickerProps) {
  const group = useId();
  return (
    <fieldset className="segments">
      <legend className="visually-hidden">Span of time</legend>
      {(Object.keys(ranges) as RangeName[]).map((name) => (
        <label key={name} className={name === value ? 'segment segment-on' : 'segment'}>
          <input
            type="radio"
            className="visually-hidden"
            name={group}
            checked={name === value}
            onChange={() => onValue(name)}
          />
          {ranges[name].label}
        </label>
      ))}
    </fieldset>
  );
}
