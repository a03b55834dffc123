/// Keeps the latest entries in the order they came.
#[derive(Debug)]
pub struct Ring<T> {
    slots: Vec<Option<T>>,
    read: usize,
    write: usize,
}

impl<T> Ring<T> {
    pub fn with_room_for(count: usize) -> Self {
        Self { slots: (0..count).map(|_| None).collect(), read: 0, write: 0 }
    }

    pub fn push(&mut self, entry: T) {
        self.slots[self.write] = Some(entry);
        self.write += 1;
    }

    pub fn pop(&mut self) -> Option<T> {
        let entry = self.slots.get_mut(self.read)?.take()?;
        self.read += 1;
        Some(entry)
    }
}
