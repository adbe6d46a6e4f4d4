//! Azure's own client reads the fake completely, and agrees with the module.

use gatherer_tests::fakes::azure::{AzureFake, AzureFault, AzureInventory};
use gatherer_tests::{Judge, JudgedGuest, skip};

use super::fake::{ServedFake, sample};

#[test]
fn azures_own_client_agrees_guest_by_guest() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let mut large = AzureFake::new(AzureInventory::of_size(240));
    large.page_size = 100;
    for (fake, count) in
        [(sample(), 22), (sample().with(AzureFault::IdsInUpperCase), 22), (large, 240)]
    {
        let served = ServedFake::new(fake);
        let port = served.server.port().to_string();
        let ca_file = served.server.ca_file().to_str().expect("a UTF-8 path");
        let fake = &served.fake;
        let arguments = [
            "localhost",
            &port,
            &fake.tenant_id,
            &fake.subscription_id,
            &fake.application_id,
            &fake.secret,
            ca_file,
        ];
        let read = judge.read("azure.py", &arguments);
        assert_eq!(read.len(), count);
        let gathered = served.gather().expect("a complete answer");
        let mut ours = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
        for guest in &mut ours {
            // The client prints the whole code of the status.
            guest.state = guest.state.take().map(|word| format!("PowerState/{word}"));
        }
        assert_eq!(ours, read);
    }
}
