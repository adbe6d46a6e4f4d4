//! The pages of the lists, and the tokens that lead to them.

use super::{Ec2Error, Ec2Fake, Ec2Fault};

/// A page of a list.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_token: Option<String>,
    /// Whether the answer has an element for the list.
    pub(super) has_list: bool,
}

/// Where a token leads to.
#[derive(Debug, Clone)]
pub(super) struct Place {
    token: String,
    /// The request without token and size of the page. A token is only valid for the same request.
    request: String,
    start: usize,
    /// The number of the page, from 0.
    number: usize,
}

impl Ec2Fake {
    /// The page of a list that a request asks for. Its size is the smaller one of the client's and the fake's.
    pub(super) fn page<T: Copy>(
        &self,
        all: &[T],
        request: &str,
        token: Option<&str>,
        most: usize,
    ) -> Result<Page<T>, Ec2Error> {
        let (start, number) = match token {
            None => (0, 0),
            Some(token) => {
                let places = self.places();
                let place = places.iter().find(|place| place.token == token);
                let place = place.filter(|place| place.request == request).ok_or_else(|| {
                    let message = "Unable to parse pagination token";
                    Ec2Error::new(400, "InvalidParameterValue", message)
                })?;
                (place.start, place.number)
            }
        };
        let is_later = number > 0;
        if number == 1 && self.happens(Ec2Fault::EmptyPageInBetween) {
            let next_token = Some(self.token(request, start, number + 1));
            return Ok(Page { items: Vec::new(), next_token, has_list: true });
        }
        let end = all.len().min(start + most.min(self.page_size).max(1));
        let mut items = all.get(start..end).unwrap_or_default().to_vec();
        if is_later && start > 0 && self.happens(Ec2Fault::SameItemTwice) {
            items.insert(0, all[start - 1]);
        }
        if is_later && self.happens(Ec2Fault::TokenOfItself) {
            return Ok(Page { items, next_token: token.map(str::to_owned), has_list: true });
        }
        let is_last = end >= all.len();
        let next_token = if !is_last || self.happens(Ec2Fault::EndlessPages) {
            Some(self.token(request, end, number + 1))
        } else {
            self.happens(Ec2Fault::EmptyToken).then(String::new)
        };
        let has_list = !(is_last && is_later && self.happens(Ec2Fault::LastPageWithoutList));
        Ok(Page { items, next_token, has_list })
    }

    /// A new token with the characters that a form must encode.
    fn token(&self, request: &str, start: usize, number: usize) -> String {
        let mut places = self.places();
        let token = format!("eyJ2IjoyLCJ/+{:08}==", places.len());
        let place = Place { token: token.clone(), request: request.to_owned(), start, number };
        places.push(place);
        token
    }
}
